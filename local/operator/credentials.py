"""Advice for AWS credentials or a region that are missing or refused."""

import botocore.exceptions

_HOW = (
    "name the local server by --local; for a deployed stack name it by --stack, and yourself by AWS_PROFILE, "
    "or by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
)
_MISSING = (
    botocore.exceptions.NoCredentialsError,
    botocore.exceptions.PartialCredentialsError,
    botocore.exceptions.CredentialRetrievalError,
    botocore.exceptions.NoAuthTokenError,
    botocore.exceptions.SSOError,
    botocore.exceptions.TokenRetrievalError,
)
_NOT_TAKEN = {
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}


def advice(error: BaseException | None) -> str | None:
    """Return advice for an error about credentials or the region, or one that such an error caused; else None."""
    while error is not None:
        match error:
            case botocore.exceptions.NoRegionError():
                return f"no AWS region is known: {_HOW}; AWS_REGION names the region"
            case botocore.exceptions.ProfileNotFound():
                return f"there is no profile {error.kwargs['profile']}, which AWS_PROFILE names: {_HOW}"
            case botocore.exceptions.NoCredentialsError():
                return f"there are no AWS credentials: {_HOW}"
            case botocore.exceptions.ClientError() if (code := error.response["Error"]["Code"]) in _NOT_TAKEN:
                return f"AWS does not take these credentials ({code}): {_HOW}"
            case _ if isinstance(error, _MISSING):
                return f"the AWS credentials cannot be used ({error}): {_HOW}"
            case _:
                pass
        error = error.__cause__ or error.__context__
    return None
