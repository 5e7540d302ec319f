"""The My Number Card: commands (ISO/IEC 7816-4) and the two applications a visit uses.

The chip's specification is not public. What is here follows what people who examined cards have published; number A,
the printed 12-digit number (EF 0005) and the text application are not touched.
"""
