"""HTTPS before DynamoDB Local, which speaks HTTP alone: `python -m benchmarks.peers.tls CERTIFICATE KEY PORT`.

DynamoDB of AWS is asked by HTTPS; so that this costs its client here what it costs there, a process of its own takes
the TLS away. The port that it listens on is the first line out.
"""

import asyncio
import json
import ssl
import sys


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()


async def serve(certificate: str, key: str, port: int) -> None:
    """Until the process is ended."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, thither = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_pass_on(reader, thither), _pass_on(there, writer))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2], int(sys.argv[3])))
