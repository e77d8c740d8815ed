# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, by Debian's driver, for tests of pages."""

import base64
import os
import shutil

import pytest

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait
except ImportError:
    webdriver = None

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
# A phone of the smaller kind, and a desk.
PHONE, DESK = (360, 740), (1100, 900)
PATIENCE_S = 60


def skip_without_chromium():
    if webdriver is None or CHROMIUM is None or DRIVER is None:
        pytest.skip("chromium, chromium-driver or python3-selenium is not installed", allow_module_level=True)


class Browser:
    def __init__(self, screenshots):
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        # No sandbox: the tests run as root, where it does not work, and visit nothing but the test's own server.
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--lang=en-IE",
                         "--no-first-run", "--disable-background-networking", "--disable-component-update",
                         "--no-proxy-server", "--force-device-scale-factor=1"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service(DRIVER), options=options)
        self.driver.set_page_load_timeout(PATIENCE_S)
        self.screenshots = screenshots
        os.makedirs(screenshots, exist_ok=True)

    def close(self):
        self.driver.quit()

    def resize(self, size):
        """The page's own size, whatever the window's."""
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False})

    def dark(self, on):
        value = "dark" if on else "light"
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                    {"features": [{"name": "prefers-color-scheme", "value": value}]})

    def open(self, url):
        """As a new visitor, who has never been here."""
        self.driver.get(url)
        self.driver.execute_script("sessionStorage.clear(); localStorage.clear()")
        self.driver.get_log("browser")
        self.driver.refresh()

    def reload(self):
        self.driver.refresh()

    def find(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def find_all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def text(self, css):
        return self.find(css).text

    def has(self, css):
        return any(found.is_displayed() for found in self.find_all(css))

    def until(self, condition, what):
        try:
            return WebDriverWait(self.driver, PATIENCE_S, poll_frequency=0.05).until(lambda _: condition())
        except Exception as error:
            raise AssertionError(f"{what}; the page has: {self.text('body')}\n{self.log()}") from error

    def state(self):
        return self.find("main").get_attribute("data-state")

    def until_state(self, *states):
        self.until(lambda: self.state() in states, f"no state of {states}, but {self.state()}")
        return self.state()

    def fill(self, css, text):
        field = self.find(css)
        field.clear()
        field.send_keys(text)

    def click(self, css):
        self.find(css).click()

    def focused(self):
        return self.driver.switch_to.active_element.get_attribute("id")

    def log(self):
        """What the browser complained about, but for requests that failed, which tests make happen."""
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] == "SEVERE" and "Failed to load resource" not in entry["message"]]

    def shot(self, name, whole=True):
        """The whole page, however long, or what a screen shows of it (a dialogue is in the screen's middle)."""
        size = self.driver.execute_script(
            "const e = document.documentElement; return [e.scrollWidth, e.scrollHeight, innerWidth]")
        assert size[0] <= size[2], f"{name}: the page is {size[0]} wide on a screen of {size[2]}"
        path = os.path.join(self.screenshots, f"{name}.png")
        done = self.driver.execute_cdp_cmd("Page.captureScreenshot", {
            "captureBeyondViewport": True,
            "clip": {"x": 0, "y": 0, "width": size[2], "height": max(size[1], 300), "scale": 1}} if whole else {})
        with open(path, "wb") as file:
            file.write(base64.b64decode(done["data"]))
