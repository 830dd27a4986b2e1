import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A TCP proxy that a test can make bad. Disposing cuts what goes through it. */
export interface LossyProxy extends AsyncDisposable {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  /** Share of answers that are cut off before a byte of them is passed on: the server has done what was asked. */
  loss: number;
  /** Answers that were cut off. */
  readonly lost: number;
}

/**
 * Listens on a free port and spreads connections over servers in turn; one that does not answer is passed over, as a
 * load balancer does.
 * @param upstreams `host:port` of each
 */
export async function lossyProxy(
  upstreams: readonly string[],
  options: { readonly loss?: number; readonly random: () => number },
): Promise<LossyProxy> {
  const open = new Set<Socket>();
  const state = { loss: options.loss ?? 0, lost: 0 };
  let turn = 0;
  const track = (socket: Socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
  };
  const join = (client: Socket, tries: number) => {
    const [host, port] = (upstreams[turn++ % upstreams.length] ?? "").split(":");
    const server = connect({ host: host ?? "", port: Number(port) });
    server.once("error", () => {
      if (server.bytesWritten === 0 && !client.destroyed && tries > 1) join(client, tries - 1);
      else client.destroy();
    });
    server.once("connect", () => {
      track(server);
      client.pipe(server);
      server.on("data", (chunk) => {
        if (options.random() < state.loss) {
          state.lost++;
          client.destroy();
          server.destroy();
        } else if (!client.write(chunk)) {
          server.pause();
          client.once("drain", () => server.resume());
        }
      });
      server.once("close", () => client.destroy());
      client.once("close", () => server.destroy());
    });
  };
  const listener = createServer((client) => {
    track(client);
    join(client, upstreams.length);
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    get loss() {
      return state.loss;
    },
    set loss(share: number) {
      state.loss = share;
    },
    get lost() {
      return state.lost;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(listener, "close");
      listener.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
