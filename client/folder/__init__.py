"""A folder of images as one batch: find them, send them, write a row for each, go on after a crash."""
