"""The old School Portal of the Moscow region (to 2023-08-31): the platform of Dnevnik.ru under another brand."""
