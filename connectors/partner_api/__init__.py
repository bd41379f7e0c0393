"""The partner REST API of one platform, which Dnevnik.ru is and the old School Portal of the Moscow region was."""
