"""A channel under any schedule of faults."""

from channel_machine import ChannelMachine
from stateful_settings import short

TestChannel = ChannelMachine.TestCase
TestChannel.settings = short(max_examples=600, steps=40)
