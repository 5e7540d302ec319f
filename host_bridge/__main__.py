"""The bridge on the qualification terminal: `python -m host_bridge run --config FILE`."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from cryptography import x509
from structlog.typing import FilteringBoundLogger

from firmware.policy import Facility
from firmware.token.anchors import AnchorsMalformed, TrustAnchors
from host_bridge import pairing, session
from host_bridge.config import Config, ConfigError
from host_bridge.courier import Courier
from host_bridge.desk import Desk
from host_bridge.eligibility import EligibilitySimulator, PeopleMalformed
from host_bridge.events import open_log
from host_bridge.journal import Journal, JournalUnavailable
from host_bridge.keys import Seal, load_or_create
from host_bridge.outlets.face_folder import FaceFolder, FaceFolderUnusable
from host_bridge.verify import Trust
