"""A patient's visit, from "place your card" to "take your card", and the processes it runs in."""
