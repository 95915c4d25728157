"""Documents in, the passages that speak of a question out: what the levers Retrieve and FewShot search.

    from underdog.retrieval.collection import collected
    index = collected("docs/")                         # documents in chunks, indexed, as a lever's file
    index_of(index).search("when is the office open?", k=4)

One index is one safetensors file, named by its content. Nothing here asks a model: vectors come from outside.
"""
