import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

const PORT_MIN = 15_000;
const PORT_MAX = 32_000;

/**
 * A port that nobody listens on, below those that systems give to connections: one of these could
 * be taken by a wire or a client before the server that it was chosen for listens on it.
 */
export async function freePort(host = "127.0.0.1"): Promise<number> {
  for (;;) {
    const port = randomInt(PORT_MIN, PORT_MAX);
    const server = createServer();
    server.listen(port, host);
    try {
      await once(server, "listening");
    } catch {
      continue;
    }
    server.close();
    await once(server, "close");
    return port;
  }
}
