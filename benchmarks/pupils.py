"""The pupils of a class, simulated: what their pages ask the server, be it that it reads the drawings or that the pages do.

How long a page takes to read for itself is measured in a real one, in Chromium. What the others compute on their own devices costs
nothing here.
"""

import asyncio
import json
import math
import random
from collections import Counter
from dataclasses import dataclass, field
from io import BytesIO
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from PIL import Image, ImageDraw
from playwright.async_api import Page, async_playwright

from softreg.page.assets import page_files
from tests.helpers.chromium import CHROMIUM, FLAGS
from tests.helpers.strokes import STROKES, Point

SIDE, PEN = 128, 8  # pixels of the drawing as the page sends it
DRAWING_SECONDS = 1.2
LOOKING_SECONDS = (2.0, 5.0)
REPORT_SECONDS = 0.008  # a pen reports some 120 times a second
MODEL, OTHERS = "handwriting", ("best", "tutorial")
SHARE_REFERRED = 0.1  # of the digits that a page computing itself leaves to the server, as it is not sure of them


def drawing(strokes: list[list[Point]], share: float) -> bytes:
    """A drawing of which a share is done: the BMP that the page sends."""
    image = Image.new("L", (SIDE, SIDE), 255)
    canvas = ImageDraw.Draw(image)
    left = math.ceil(share * sum(map(len, strokes)))
    for stroke in strokes:
        dots = [(SIDE * x, SIDE * y) for x, y in stroke[: max(left, 0)]]
        left -= len(stroke)
        if dots:
            canvas.line(dots, fill=0, width=PEN, joint="curve")
            for x, y in dots:
                canvas.ellipse((x - PEN / 2, y - PEN / 2, x + PEN / 2, y + PEN / 2), fill=0)
    file = BytesIO()
    image.save(file, "BMP")
    return file.getvalue()


STEPS = 24  # of a digit, drawn before the clock runs
FRAMES = {name: [drawing(strokes, (n + 1) / STEPS) for n in range(STEPS)] for name, strokes in STROKES.items()}


KINDS = ("opening", "drawing", "evidence", "comparison")


@dataclass
class Record:
    """What all pupils saw: seconds by kind of request, statuses, and the digits that the server read once they were done."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    statuses: Counter[int] = field(default_factory=Counter)
    right: Counter[bool] = field(default_factory=Counter)


class Client:
    """One keep-alive connection, opened when it is first used: the server waits ten seconds for a request, no longer."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname, parts.port
        self.is_open = False

    async def open(self) -> None:
        """Connect."""
        self.is_open = True
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port)

    def send(self, method: str, target: str, body: bytes, kind: str) -> None:
        """A request."""
        about = f"Content-Type: {kind}\r\nAccept-Encoding: gzip\r\nContent-Length: {len(body)}"
        head = f"{method} {target} HTTP/1.1\r\nHost: localhost:{self.port}\r\n{about}\r\n\r\n"
        self.writer.write(head.encode() + body)

    async def ask(self, method: str, target: str, body: bytes = b"", kind: str = "image/bmp") -> tuple[int, bytes]:
        """Status and body of the response."""
        if not self.is_open:
            await self.open()
        self.send(method, target, body, kind)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0])
        return int(head.split()[1]), await self.reader.readexactly(length)


async def timed(client: Client, record: Record, kind: str, target: str, body: bytes) -> Any:
    """Ask, and note how long it took."""
    began = perf_counter()
    status, answer = await client.ask("POST", target, body)
    record.seconds[kind].append(perf_counter() - began)
    record.statuses[status] += 1
    return json.loads(answer)


async def opened(client: Client, record: Record, *, with_model: bool) -> None:
    """Fetch all that a page is made of and, where pages read, the model."""
    began = perf_counter()
    targets = ["/", *(f"/page/{name}" for name in page_files()), "/words/en", "/models"]
    for target in [*targets, f"/weights?model={MODEL}"] if with_model else targets:
        status, _ = await client.ask("GET", target)
        record.statuses[status] += 1
    record.seconds["opening"].append(perf_counter() - began)


async def pupil(url: str, number: int, until: float, record: Record, *, computes: bool) -> None:
    """Draw digit after digit. The second connection is for evidence, as a browser opens several."""
    rng = random.Random(number)
    pen, why = Client(url), Client(url)
    await asyncio.sleep(rng.uniform(0, LOOKING_SECONDS[1]))
    await opened(pen, record, with_model=computes)
    draw = draw_for_oneself if computes else draw_for_the_server
    while perf_counter() < until:
        await draw(rng, pen, why, record)
        await asyncio.sleep(rng.uniform(*LOOKING_SECONDS))


PREDICT, EXPLAIN = f"/predict?model={MODEL}", f"/predict?model={MODEL}&include=stages,evidence"


async def draw_for_the_server(rng: random.Random, pen: Client, why: Client, record: Record) -> None:
    """A digit that the server reads while it is drawn, and explains; then all models are asked."""
    name = rng.choice(list(FRAMES))
    began, on_the_way = perf_counter(), None
    while (share := (perf_counter() - began) / DRAWING_SECONDS) < 1:
        frame = FRAMES[name][int(share * STEPS)]
        await timed(pen, record, "drawing", PREDICT, frame)
        if share > 0.5 and on_the_way is None:
            on_the_way = asyncio.create_task(timed(why, record, "evidence", EXPLAIN, frame))
        await asyncio.sleep(REPORT_SECONDS)
    done = FRAMES[name][-1]
    answer = await timed(pen, record, "drawing", PREDICT, done)
    record.right[answer["predictions"][0]["label"] == name] += 1
    if on_the_way is not None:
        await on_the_way
    await timed(why, record, "evidence", EXPLAIN, done)
    for other in OTHERS:
        await timed(pen, record, "comparison", f"/predict?model={other}", done)


async def draw_for_oneself(rng: random.Random, pen: Client, why: Client, record: Record) -> None:
    """A digit that the page reads; the server is asked about another large model, and where the page is not sure."""
    name = rng.choice(list(FRAMES))
    done = FRAMES[name][-1]
    await asyncio.sleep(DRAWING_SECONDS)
    if rng.random() < SHARE_REFERRED:
        await timed(pen, record, "drawing", PREDICT, done)
        await timed(why, record, "evidence", EXPLAIN, done)
    await timed(pen, record, "comparison", f"/predict?model={OTHERS[0]}", done)


async def watcher(url: str, epochs: int) -> int:
    """Watch a training to its end; how many of its steps were missed."""
    client = Client(url)
    await client.open()
    client.send("GET", "/training/events", b"", "text/plain")
    seen: set[int] = set()
    async for line in client.reader:
        if not line.startswith(b"data: "):
            continue
        event = json.loads(line[6:])
        seen |= {event["from"] + n for n in range(len(event["steps"]))}
        if event["status"] == "ended" and seen:
            break
    client.writer.close()
    return epochs - len(seen)


async def real_page(url: str, until: float) -> dict[str, list[float]]:
    """A page in Chromium that is drawn on like the others; seconds from the pen to the bars, and of each explanation."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page(viewport={"width": 412, "height": 915}, reduced_motion="reduce")
        await page.goto(url)
        await page.wait_for_selector("html[data-ready]")
        await page.wait_for_timeout(1000 * LOOKING_SECONDS[1])
        rng = random.Random(-1)
        while perf_counter() < until:
            await draw_with_mouse(page, STROKES[rng.choice(list(STROKES))])
            await page.wait_for_timeout(1000 * rng.uniform(*LOOKING_SECONDS))
            await page.click("#clear")
        seconds = {
            kind: await page.evaluate(f"performance.getEntriesByName('softreg:{name}').map(({{ duration }}) => duration / 1000)")
            for kind, name in (("drawing", "answer"), ("evidence", "explanation"))
        }
        await browser.close()
    return seconds


async def draw_with_mouse(page: Page, strokes: list[list[Point]]) -> None:
    """As a hand would."""
    box = await page.locator("#ink").bounding_box()
    assert box is not None
    for stroke in strokes:
        await page.mouse.move(box["x"] + stroke[0][0] * box["width"], box["y"] + stroke[0][1] * box["height"])
        await page.mouse.down()
        for x, y in stroke[1:]:
            await page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
            await asyncio.sleep(REPORT_SECONDS)
        await page.mouse.up()
