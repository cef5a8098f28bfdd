"""The playground: a page to draw on and learn from, and the HTTP API beneath it. Holds no mathematics.

::

    server.py      the socket, the signals, the deadline of every connection
    safety.py      what every request must pass, and what every response carries
    app.py         the routes
    predicting.py  requests that wait together are answered together; more than the queue holds are refused
    reading.py     a request's body becomes a picture, a prediction becomes JSON
    models.py      the models to choose from
    learning.py    one training at a time, watched epoch by epoch
    page/          plain HTML, CSS and JavaScript modules, served as they are
"""
