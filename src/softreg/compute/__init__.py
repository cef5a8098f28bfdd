"""Where to compute: the device, the threads of one process, the processes of one training.

May import `errors` and `messages`. Start at `device.choose_device`.
"""
