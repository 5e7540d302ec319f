"""Reader and bridge over anything that can happen to them: nothing lost, nothing forged, nothing twice."""

from link_machine import LinkMachine
from stateful_settings import short

TestLink = LinkMachine.TestCase
TestLink.settings = short(max_examples=150, steps=40)
