"""A virtual My Number Card on a virtual tray: files, keys and manners of the chip as published observations have them.

Not modelled, because nobody has published it or no visit needs it: the text and resident-register applications, the
digital signature certificate and key, secure messaging, terminal authentication (特定機関認証), transmission times.
"""
