from importlib import import_module

from pydantic import BaseModel

# FastAPI's models of the OpenAPI document take a tenth of a start, and only who asks for the document needs them.
# Classes take over the configuration that their base has when they are made.
BaseModel.model_config["defer_build"] = True
try:
    import_module("fastapi.openapi.models")
finally:
    del BaseModel.model_config["defer_build"]
