"""`hyperinfer doctor`: what a gateway here depends on, looked at one by one, each with what to do about it.

One file for each concern; `examine` runs them side by side, each within its time. Nothing is changed beyond a file that is
written into the data folder and deleted, and a key of ten seconds in Redis.
"""

from hyperinfer.api.doctor.examine import examine as examine
from hyperinfer.api.doctor.finding import Finding as Finding
from hyperinfer.api.doctor.finding import State as State
from hyperinfer.api.doctor.surroundings import Surroundings as Surroundings

__all__ = ["Finding", "State", "Surroundings", "examine"]
