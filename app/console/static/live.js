// Nothing here is needed to read a page or to act: without it, pages change when they are loaded again.
