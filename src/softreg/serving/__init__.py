"""The playground: a page to draw on and to watch a model learn, and the HTTP API beneath it. Holds no mathematics.

May import everything but the command line. Start with `app.py`, then follow one request through `batching.py` to `codec.py`::

    server.py         the socket and the signals
    protocol.py       one connection: its deadlines and limits
    security.py       what every request must pass, and what every response carries
    classroom.py      for a class: the address, the code, the QR code
    access.py         the names the server answers to, the token, and the links that carry it
    app.py            the routes
    predict_endpoint.py  the one that is requested most, and its queues
    public_errors.py  which errors a client may read
    terminal.py       where the others are written
    batching.py       requests that wait together are answered together; more than the queue holds are refused
    codec.py          a request's body becomes a picture, a prediction becomes JSON
    models.py         the models to choose from
    run_entry.py      one of them: what it says of itself, or why it is skipped
    weights.py        a model packed for the page, which then answers itself
    walkthrough.py    one test image, every quantity on its way through a model
    training_job.py   one training at a time, watched step by step
    training_form.py  the fields of a recipe that can be set from the page
    openapi.py        the document of the routes

The page itself is `softreg.page`, served as it is.
"""
