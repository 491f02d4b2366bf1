"""`chandlery shop demo`: everything up, addresses printed, Ctrl-C stops all."""

import argparse
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

from shop_contract.demo import configure
from shop_contract.errors import ShopError

DEADLINE_S = 60


def test_ctrl_c_stops_the_network_and_removes_what_was_made() -> None:
    command = [sys.executable, "-m", "node", "shop", "demo", "--validators", "1"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as demo:
        assert demo.stdout is not None
        said = ""
        for line in demo.stdout:
            said += line
            if "Ctrl-C stops all" in line:
                break
        found = re.search(r"as a customer +(http\S+)#key=0x[0-9a-f]{64}", said)
        assert found is not None
        with urllib.request.urlopen(found[1], timeout=10) as page:
            assert b"The candle shop" in page.read()
        pem = re.search(r"addresses with (\S+)\.$", said, re.MULTILINE)
        assert pem is not None
        directory = Path(pem[1]).parent
        assert (directory / "shop.json").is_file()
        demo.send_signal(signal.SIGINT)
        assert demo.wait(DEADLINE_S) == 0
    assert not directory.exists()
    assert not any(
        str(directory) in " ".join(process.info["cmdline"] or ())
        for process in psutil.process_iter(["cmdline"])
    )


def test_a_network_left_up_must_have_a_place() -> None:
    parser = argparse.ArgumentParser()
    configure(parser)
    arguments = parser.parse_args(["--leave-up"])
    with pytest.raises(ShopError, match="--leave-up needs --dir"):
        arguments.run(arguments)
