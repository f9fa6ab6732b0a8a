"""The settings of the API's description."""

from lingpai.kernel.setting_types import FeatureSettings


class ApiDocsSettings(FeatureSettings):
    """The API's description: whether the deployment shows it."""

    api_docs: bool = False
    """yes or no: whether `/docs` shows the API, and `/openapi.json` has its description; else both are 404"""
