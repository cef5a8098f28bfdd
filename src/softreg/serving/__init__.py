"""The playground: a page to draw on and to watch a model learn, and the HTTP API beneath it. Holds no mathematics.

May import everything but the command line. Start with `app.py`, then follow one request through `batching.py` to `codec.py`::

    server.py         the socket, the signals, the deadline of every connection
    security.py       what every request must pass, and what every response carries
    app.py            the routes
    public_errors.py  which errors a client may read
    batching.py       requests that wait together are answered together; more than the queue holds are refused
    codec.py          a request's body becomes a picture, a prediction becomes JSON
    models.py         the models to choose from
    walkthrough.py    one test image, every quantity on its way through a model
    training_job.py   one training at a time, watched step by step
    openapi.py        the document of the routes
    page/             plain HTML, CSS and JavaScript modules, served as they are
"""
