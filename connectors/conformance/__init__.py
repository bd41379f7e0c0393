"""The kit that every connector is held against, shipped with the hub."""

from connectors.conformance.bench import Bench
from connectors.conformance.check import Check, Verdict, hold
from connectors.conformance.kit import CHECKS, Grade, grade

__all__ = ["CHECKS", "Bench", "Check", "Grade", "Verdict", "grade", "hold"]
