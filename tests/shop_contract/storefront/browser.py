"""A headless Chromium as shoppers use it, and what it must never have to complain of.

`Shopper` finds controls as people do (by role, label or text), and keeps what the
browser logged and requested, so that every test can end with `assert_clean`.
"""

import base64
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.common.exceptions import (
    StaleElementReferenceException,
    TimeoutException,
)
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

DEADLINE_S = 45.0
DESKTOP = (1200, 1000)
PHONE = (375, 812)
VANISHING = (StaleElementReferenceException,)  # the page renders itself anew
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def browser_paths() -> tuple[str, str] | None:
    """Browser and driver on this machine; None when one is missing."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


def open_chromium(size: tuple[int, int], downloads: Path) -> webdriver.Chrome:
    """A fresh profile at a window size. Downloads go to the folder."""
    paths = browser_paths()
    assert paths is not None
    options = webdriver.ChromeOptions()
    options.binary_location = paths[0]
    for flag in ("--headless=new", "--disable-dev-shm-usage", "--lang=en"):
        options.add_argument(flag)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # the sandbox refuses to run as root
    options.add_experimental_option(
        "prefs", {"download.default_directory": str(downloads)}
    )
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    driver = webdriver.Chrome(options, Service(paths[1]))
    metrics = {
        "width": size[0],
        "height": size[1],
        "deviceScaleFactor": 1,
        "mobile": size == PHONE,
    }
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    return driver


class Shopper:
    """One browser window at one shop."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver = driver
        self.url = url
        self._requested: list[str] = []
        self._refusals: tuple[int, ...] = ()

    def open(self, fragment: str = "") -> None:
        """Load the page anew."""
        self.driver.get("about:blank")
        self.driver.get(f"{self.url}{fragment}")
        self.heading()

    def go(self, name: str) -> None:
        """Follow a link of the navigation."""
        self.click(f"#pages a[href='#{name}']")
        self.wait_for(f"#main[data-route='#{name}']:not([aria-busy])")

    def find(self, css: str) -> WebElement | None:
        found = self.driver.find_elements(By.CSS_SELECTOR, css)
        return found[0] if found else None

    def wait_for(self, css: str) -> WebElement:
        found: WebElement = self.until(lambda: self.find(css), css)
        return found

    def until(self, probe: Callable[[], Any], what: str) -> Any:
        """The first true answer; fails with what the page says then."""
        try:
            waiting = WebDriverWait(self.driver, DEADLINE_S, 0.1, VANISHING)
            return waiting.until(lambda _: probe())
        except TimeoutException as error:
            shown = self.driver.find_element(By.TAG_NAME, "body").text
            raise AssertionError(f"never came: {what}\n{shown}") from error

    def heading(self) -> str:
        """The view's title, once it is shown and nothing is under way."""
        ready = "#main:not([aria-busy]) h1"
        return str(self.wait_for(ready).text)

    def click(self, css: str) -> None:
        """Once it is there and enabled; again if the page renders just then."""

        def clicked() -> bool:
            element = self.find(f"{css}:not(:disabled)")
            if element is None:
                return False
            self.driver.execute_script(
                "arguments[0].scrollIntoView({block: 'center'})", element
            )
            element.click()
            return True

        self.until(clicked, f"{css}, to be clicked")

    def choose(self, kind: str, name: str) -> None:
        """Pick an option of the workbench by its name."""
        self.driver.find_element(
            By.XPATH,
            f"//fieldset[legend[.='{kind}']]//label[span[.='{name}']]"
            "/preceding-sibling::input",
        ).send_keys(Keys.SPACE)

    def type(self, css: str, text: str) -> None:
        element = self.wait_for(css)
        element.send_keys(Keys.CONTROL, "a")
        element.send_keys(text)

    def text(self, css: str) -> str:
        return str(self.wait_for(css).text)

    def news(self, containing: str) -> str:
        """What the page last said, once it says this."""

        def said() -> str | None:
            notice = self.find("#status .notice")
            text = str(notice.text) if notice else ""
            return text if containing in text else None

        return str(self.until(said, f"news of {containing!r}"))

    def focused(self) -> WebElement:
        return self.driver.switch_to.active_element

    def press(self, *keys: str) -> None:
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def tab_to(self, css: str, most: int = 60) -> None:
        """Reach a control with the Tab key alone."""
        for _ in range(most):
            self.press(Keys.TAB)
            if self.driver.execute_script(
                "return document.activeElement.matches(arguments[0])", css
            ):
                return
        raise AssertionError(f"{css} is not reached by {most} tabs")

    def width_overflow(self) -> int:
        """How many pixels of the page lie outside the window."""
        return int(
            self.driver.execute_script(
                "return document.documentElement.scrollWidth - innerWidth"
            )
        )

    def screenshot(self, path: Path) -> None:
        """The whole page, as tall as it is."""
        height = self.driver.execute_script(
            "return document.documentElement.scrollHeight"
        )
        width = self.driver.execute_script("return innerWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        picture = self.driver.execute_cdp_cmd(
            "Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip}
        )
        path.write_bytes(base64.b64decode(picture["data"]))

    def expect_refusals(self, *statuses: int) -> None:
        """Browsers note every answer that refuses; these were asked for."""
        self._refusals = statuses

    def assert_clean(self) -> None:
        """No complaint in the console, no CSP violation, no request elsewhere."""
        logged = [entry["message"] for entry in self.driver.get_log("browser")]
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self._requested.append(message["params"]["request"]["url"])
        refusals = [
            f"the server responded with a status of {n}" for n in self._refusals
        ]
        complaints = [
            line for line in logged if not any(refusal in line for refusal in refusals)
        ]
        assert complaints == []
        home = urlsplit(self.url).netloc
        elsewhere = [
            url
            for url in self._requested
            if urlsplit(url).scheme in {"http", "https", "ws", "wss"}
            and urlsplit(url).netloc != home
        ]
        assert self._requested
        assert elsewhere == []
