"""Dnevnik.ru, read through its partner API."""
