"""Evaluates samples and critics, while a run trains and afterwards; watches over its health."""
