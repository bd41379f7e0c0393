"""The school module of АСУ РСО («Сетевой город. Образование»), a product of its own (portal facts, part B)."""
