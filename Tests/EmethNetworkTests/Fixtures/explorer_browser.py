"""Looks at the explorer's pages in Chromium, with scripts and without, by the keyboard.

explorer_browser.py CHROMIUM SERVER JOB ACCOUNT EPOCH [FOLDER for pictures]
explorer_browser.py CHROMIUM SERVER JOB --follow
"""

import sys
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright

chromium, server, job = sys.argv[1:4]
failures = []


def check(holds, what):
    if not holds:
        failures.append(what)


def watch(page, what):
    """Notes what a page says on the console and asks of other hosts."""
    page.on(
        "console",
        # That a page is missing is what the browser says too.
        lambda message: message.type in ("error", "warning")
        and not (message.location.get("url", "").endswith("/nowhere") and "404" in message.text)
        and failures.append(f"{what}: {message.text}"),
    )
    page.on("pageerror", lambda error: failures.append(f"{what}: {error}"))
    page.on(
        "request",
        lambda request: urlsplit(request.url).netloc != urlsplit(server).netloc
        and failures.append(f"{what}: asked {request.url}"),
    )


def contrast(page):
    """Texts whose contrast with what they stand on is below 4.5 : 1."""
    return page.evaluate(
        """() => {
          const parse = (text) => text.match(/[\\d.]+/g).map(Number);
          const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
            .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
            .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
          const found = [];
          for (const one of document.querySelectorAll("body *")) {
            const hasText = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
            if (!hasText || !one.checkVisibility() || one.closest("noscript")) continue;
            let ground = one;
            while (ground && (parse(getComputedStyle(ground).backgroundColor)[3] ?? 1) === 0) ground = ground.parentElement;
            const style = getComputedStyle(one);
            const ink = one instanceof SVGElement ? style.fill : style.color;
            const under = ground ? getComputedStyle(ground).backgroundColor : "rgb(255, 255, 255)";
            const [a, b] = [light(parse(ink)), light(parse(under))].sort((x, y) => y - x);
            const ratio = (a + 0.05) / (b + 0.05);
            if (ratio < 4.5) found.push(one.tagName + "." + one.className + " " + ratio.toFixed(2) + " " + one.textContent.slice(0, 30));
          }
          return found;
        }"""
    )


def structure(page):
    """What a page owes to who can't see it."""
    return page.evaluate(
        """() => {
          const found = [];
          if (!["en", "ja"].includes(document.documentElement.lang)) found.push("no language");
          for (const table of document.querySelectorAll("table")) {
            if (!table.caption) found.push("a table without a caption");
            for (const head of table.querySelectorAll("th")) if (!head.scope) found.push("a heading without a scope");
          }
          for (const input of document.querySelectorAll("input:not([type=hidden])"))
            if (!input.ariaLabel && !input.labels.length) found.push("an input without a label");
          for (const link of document.querySelectorAll("a")) if (!link.textContent.trim()) found.push("an empty link");
          for (const bar of document.querySelectorAll("progress")) if (!bar.ariaLabel) found.push("a bar without a label");
          const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
          if (new Set(ids).size !== ids.length) found.push("an id twice");
          if (document.documentElement.scrollWidth > innerWidth + 1) found.push("wider than the window: " +
            [...document.querySelectorAll("main *")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1
              && !one.closest(".scroll") && !one.closest("pre")).map((one) => one.tagName + "." + one.className).slice(0, 3));
          return found;
        }"""
    )


def press_until(page, selector, key="Tab", limit=120):
    """Goes through the page with the keyboard until the focus stands on something, which must be seen there."""
    for _ in range(limit):
        page.keyboard.press(key)
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
            check(outline != "none", f"the focus on {selector} is not seen")
            return True
    failures.append(f"{selector} can't be reached with the keyboard")
    return False


def verify(page, what):
    """Checks by the keyboard and returns what the page says in the end."""
    if not press_until(page, "#check button"):
        return ""
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('#check li.holds, #check li.fails').length "
                           "=== document.querySelectorAll('#check li').length", timeout=30000)
    page.wait_for_function("() => document.querySelector('#check .outcome').textContent.length > 3")
    return page.locator("#check .outcome").inner_text()


def look(browser, paths, pictures):
    shapes = [("wide", 1280, 900), ("narrow", 390, 844)]
    for scheme in ("light", "dark"):
        for language in ("en", "ja"):
            for shape, width, height in shapes:
                context = browser.new_context(
                    viewport={"width": width, "height": height}, color_scheme=scheme, locale=language)
                page = context.new_page()
                watch(page, f"{scheme} {language} {shape}")
                for name, path in paths.items():
                    page.goto(server + path)
                    where = f"{name}, {scheme}, {language}, {shape}"
                    for one in structure(page) + contrast(page):
                        failures.append(f"{where}: {one}")
                    check(page.evaluate("() => document.documentElement.lang") == language, f"{where}: other language")
                    if pictures:
                        if "check" in name:
                            verify(page, where)
                        page.screenshot(path=f"{pictures}/{name}-{scheme}-{language}-{shape}.png", full_page=True)
                context.close()


def check_without_scripts(browser, ticket):
    context = browser.new_context(java_script_enabled=False, locale="en")
    page = context.new_page()
    watch(page, "without scripts")
    page.goto(server + ticket)
    page.locator("#check button").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**verify=1**")
    check("Checked by this server: everything holds." in page.content(), "the server does not say that it checked")
    check(page.locator("#check li.holds").count() == 5, "not all steps hold without scripts")
    page.goto(server + "/")
    for path in (f"/jobs/{job}",):
        page.locator(f'a[href="{path}"]').first.click()
        check(page.url == server + path, "a link leads elsewhere without scripts")
    context.close()


def check_with_scripts(browser, ticket, batch):
    for locale, words in (("en", "Checked in this page: everything holds."), ("ja", "すべて一致します")):
        context = browser.new_context(locale=locale)
        page = context.new_page()
        asked = []
        watch(page, f"with scripts, {locale}")
        # The browser may fetch the icon whenever it likes.
        page.on("request", lambda request: "/static/" in request.url or asked.append(request.url))
        for path, steps in ((ticket, 5), (batch, 4)):
            page.goto(server + path)
            asked.clear()
            outcome = verify(page, path)
            check(words in outcome, f"{path}: {outcome}")
            check(page.locator("#check li.holds").count() == steps, f"{path}: not all steps hold")
            check(not asked, f"{path}: checking asked for {asked}")
        # What was changed is found, by the steps that it concerns and no others.
        for document, old, new, failing in (
            ("ticket", r'"cumulativePayout" : "', '"cumulativePayout" : "1', ["ticket-digest", "ticket-signer", "ticket-in-batch"]),
            ("proven", r'"totalBurned" : "', '"totalBurned" : "1', ["batch-digest", "batch-signer"]),
        ):
            page.goto(server + ticket)
            page.evaluate(
                """([id, old, changed]) => {
                  const place = document.getElementById("document-" + id);
                  if (!place.textContent.includes(old)) throw new Error("nothing to change in " + id);
                  place.textContent = place.textContent.replace(old, changed);
                }""", [document, old, new])
            verify(page, ticket)
            found = page.evaluate("() => [...document.querySelectorAll('#check li.fails')].map((one) => one.dataset.step)")
            check(found == failing, f"{document} changed: {found} fail")
        context.close()


def check_keyboard(browser):
    context = browser.new_context(locale="en")
    page = context.new_page()
    watch(page, "keyboard")
    page.goto(server + "/")
    page.keyboard.press("Tab")
    check(page.evaluate("() => document.activeElement.className") == "skip", "the first stop is not the way to the content")
    check(page.locator(".skip").bounding_box()["x"] >= 0, "the way to the content is not seen")
    if press_until(page, f'a[href="/jobs/{job}"]'):
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/jobs/{job}")
    if press_until(page, ".search input"):
        page.keyboard.type("1")
        page.keyboard.press("Enter")
        page.wait_for_url("**/batches/1")
    context.close()


def follow(browser):
    """Opens a job that runs and sees it end without loading the page again."""
    context = browser.new_context(locale="en")
    page = context.new_page()
    watch(page, "following")
    page.goto(f"{server}/jobs/{job}")
    check(page.evaluate("() => Boolean(document.body.dataset.events)"), "the job had ended before it was looked at")
    page.evaluate("() => { window.stays = true; }")
    page.wait_for_function("() => document.querySelector('.headline .status.verified')", timeout=180000)
    check(page.evaluate("() => window.stays === true"), "the page was loaded again")
    check(page.locator("svg.curve circle").count() >= 2, "the curve did not come")
    page.wait_for_function("() => document.querySelector('#live').hidden", timeout=10000)
    context.close()


with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
    if sys.argv[4] == "--follow":
        follow(browser)
    else:
        account, epoch = sys.argv[4:6]
        pictures = sys.argv[6] if len(sys.argv) > 6 else None
        ticket, batch = f"/accounts/{account}/tickets/{epoch}", f"/batches/{epoch}"
        check_with_scripts(browser, ticket, batch)
        check_without_scripts(browser, ticket)
        check_keyboard(browser)
        look(browser, {
            "network": "/", "job": f"/jobs/{job}", "job-first": f"/jobs/{job}?round=1", "account": f"/accounts/{account}",
            "batches": "/batches", "check-batch": batch, "check-ticket": ticket, "missing": "/nowhere",
        }, pictures)
    browser.close()

if failures:
    sys.exit("\n".join(failures))
