"""АСУ РСО of the Samara region: the SPO module («Сетевой город. Образование», модуль СПО), read with a staff account."""
