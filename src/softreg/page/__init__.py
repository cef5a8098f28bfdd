"""The page: plain HTML, CSS and JavaScript modules that `softreg serve` serves and `softreg export --format html` packs.

With a server behind it the page asks the server, and without one it computes (`static/backend.js`). May import `features.registry`
and what is below. Start at `static/app.js`; `assets` reads the files and the texts, `bundle` makes one script of the modules.
"""
