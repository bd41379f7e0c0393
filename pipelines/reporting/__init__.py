"""Reports: a report is one module of `reports`, a way to print it one module of `formats`.

To add a report, put a module into `reports` with a pure `build` and a `REPORT` that says its title, its clause and what it
takes; to add a format, put one into `formats` with a pure `write` and a `FORMAT`. Nothing else knows them by name.

A report looks at journals (`journal`), asks for groups, periods and months (`asking`, `spans`), counts by the terms of the
regulations (`progress`, `attending`) and gives tables (`document`); `making` opens the journals and writes the head.
"""
