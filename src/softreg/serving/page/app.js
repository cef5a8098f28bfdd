// The page: which part is shown, in which language, by day or by night.

import { Draw } from "./draw.js";
import { Learn } from "./learn.js";
import { Understand } from "./understand.js";
import { language, say, speak } from "./words.js";

const PARTS = ["draw", "learn", "understand"];
const remembered = { get: (key) => { try { return localStorage.getItem(key); } catch { return null; } }, set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* a private window forgets */ } } };
const $ = (id) => document.getElementById(id);

function trouble(message) {
  $("trouble").textContent = message;
  $("trouble").hidden = !message;
}

const draw = new Draw(trouble);
const learn = new Learn(trouble, async (model) => { location.hash = "draw"; await draw.loadModels(model); }, () => draw.loadModels());
const understand = new Understand(trouble);

function showPart() {
  const wanted = PARTS.includes(location.hash.slice(1)) ? location.hash.slice(1) : "draw";
  for (const part of PARTS) $(part).hidden = part !== wanted;
  for (const link of document.querySelectorAll("nav a")) link.hash === `#${wanted}` ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  document.title = `${say(`nav_${wanted}`)} · softreg`;
  scrollTo(0, 0);
  ({ draw: () => draw.ink.redraw(), learn: () => learn.open(), understand: () => understand.open() })[wanted]();
}

async function chooseLanguage(wanted) {
  await speak(wanted);
  remembered.set("language", wanted);
  for (const button of document.querySelectorAll("[data-language]")) button.setAttribute("aria-pressed", button.dataset.language === language);
  for (const part of [draw, learn, understand]) part.refresh();
  showPart();
}

function chooseTheme(theme) {
  theme ? (document.documentElement.dataset.theme = theme) : delete document.documentElement.dataset.theme;
  for (const part of [draw, learn, understand]) part.refresh();
}

const night = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme ?? (night.matches ? "dark" : "light")) === "dark";
night.addEventListener("change", () => chooseTheme(document.documentElement.dataset.theme));
$("theme").onclick = () => { const theme = isDark() ? "light" : "dark"; remembered.set("theme", theme); chooseTheme(theme); };
for (const button of document.querySelectorAll("[data-language]")) button.onclick = () => chooseLanguage(button.dataset.language);
addEventListener("hashchange", showPart);

const stored = remembered.get("theme");
if (stored) document.documentElement.dataset.theme = stored;
const preferred = remembered.get("language") ?? (navigator.languages.find((each) => /^(en|ko)/.test(each)) ?? "en").slice(0, 2);
try {
  await chooseLanguage(preferred);
  await draw.loadModels();
  document.documentElement.dataset.ready = "yes";
} catch (error) {
  trouble(error.message);
}
