"""The console for tests: an admin at it, in a browser without a screen."""

from urllib.parse import urlsplit

from tests.support.pages import Browser, Page

ADMIN, PASSWORD = "admin", "admin-of-the-gate"


class ConsoleBrowser(Browser):
    """A browser that follows the addresses of the issuer, too: the console logs in there."""

    def open(self, target: str = "/console") -> Page:
        """The page at this address; where it asks to log in, its answer."""
        return self.follow(self.call("GET", target, headers={"sec-fetch-site": "none"}))

    def log_in_at_console(self, username: str = ADMIN, password: str = PASSWORD, target: str = "/console") -> Page:
        """Log in by a password, from the page at `target` on, and come back to it."""
        page = self.open(target)
        way = next(link for link in page.links if link.endswith("way=password"))
        form = self.get(way).form(action="password")
        return self.follow(self.send(form, username=username, password=password))

    def follow(self, page: Page) -> Page:
        """Where the answer leads to, on this host."""
        for _ in range(8):
            if not page.location:
                break
            parts = urlsplit(page.location)
            page = self.call("GET", parts.path + (f"?{parts.query}" if parts.query else ""))
        return page
