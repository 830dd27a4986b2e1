import { Code, ConnectError } from "@connectrpc/connect";
import { WakeUp } from "../../src/lib/wake-up.ts";
import type { ServerSlot } from "./network.ts";
import type { EdgeRequest } from "./server-edge.ts";
import type { CallRequest } from "./sim-call.ts";
import type { SimProcess } from "./sim-process.ts";
import type { SimLink } from "./sim-transport.ts";

type Item = { readonly message: object } | { readonly error: ConnectError } | { readonly end: true };

/** One stream from a server to a client: in order and without gaps, until the connection breaks. */
export class SimStream {
  readonly #link: SimLink;
  readonly #request: Omit<CallRequest, "timeoutMs">;
  readonly #slot: ServerSlot;
  readonly #abort = new AbortController();
  /** On the way, in order. */
  readonly #wire: Item[] = [];
  readonly #arrived: Item[] = [];
  readonly #news = new WakeUp();
  #server: SimProcess | undefined;
  #over = false;

  constructor(link: SimLink, request: Omit<CallRequest, "timeoutMs">) {
    this.#link = link;
    this.#request = request;
    this.#slot = link.choose();
  }

  /** What the client reads. */
  async *messages(): AsyncGenerator<object> {
    const { network, process, runner } = this.#link;
    const { signal = new AbortController().signal } = this.#request;
    using _death = process.onKill(() => this.#hangUp());
    network.scheduler.after(network.latency(runner, this.#slot.name), () => this.#arrive());
    try {
      for (;;) {
        if (signal.aborted) throw new ConnectError("the stream was aborted", Code.Canceled);
        const item = this.#arrived.shift();
        if (item === undefined) await this.#news.wait({ signal });
        else if ("message" in item) yield item.message;
        else if ("error" in item) throw item.error;
        else return;
      }
    } finally {
      this.#hangUp();
    }
  }

  #arrive(): void {
    const { network, runner } = this.#link;
    if (network.stillCut(runner, this.#slot.name)) {
      network.scheduler.after(network.latency(runner, this.#slot.name), () => this.#arrive());
      return;
    }
    const server = this.#slot.running;
    const { random } = network.scheduler;
    if (server === undefined || random.chance(network.faults.lostRequest)) {
      this.#send({ error: new ConnectError("the connection was refused", Code.Unavailable) });
      return;
    }
    this.#server = server.process;
    server.process.onKill(() => this.#send({ error: new ConnectError("the connection broke", Code.Unavailable) }));
    if (network.faults.lostRequest > 0 && random.chance(0.4)) this.#breakLater();
    server.process.after(0, () => void this.#serve(server));
  }

  async #serve({ process, edge }: NonNullable<ServerSlot["running"]>): Promise<void> {
    const { method, header, message } = this.#request;
    const takenAt = this.#link.network.scheduler.now;
    const request: EdgeRequest = { method, header, message, deadline: undefined, signal: this.#abort.signal };
    let first = true;
    try {
      for await (const answer of edge.stream(request)) {
        if (first) this.#link.onAnswered(request, answer, takenAt, process);
        first = false;
        if (this.#over) continue;
        this.#send({ message: answer });
      }
      this.#send({ end: true });
    } catch (error) {
      this.#send({ error: error as ConnectError });
    }
  }

  #send(item: Item): void {
    this.#wire.push(item);
    this.#carry();
  }

  /** Each message that arrives lets the oldest on the wire through, so that they stay in order. */
  #carry(): void {
    const { network, process, runner } = this.#link;
    process.after(network.latency(runner, this.#slot.name), () => {
      if (network.stillCut(runner, this.#slot.name)) {
        this.#carry();
        return;
      }
      const item = this.#wire.shift();
      if (item === undefined || this.#over) return;
      this.#arrived.push(item);
      this.#news.wake();
    });
  }

  /** The connection breaks some time, and what is on the wire is lost. */
  #breakLater(): void {
    const { network, process } = this.#link;
    const { random } = network.scheduler;
    network.scheduler.after(random.between(0, 120_000), () => {
      if (this.#over) return;
      network.scheduler.note(`the stream of ${process.name} from ${this.#slot.name} breaks`);
      this.#wire.splice(0);
      this.#closeServer();
      this.#send({ error: new ConnectError("the connection broke", Code.Unavailable) });
    });
  }

  #hangUp(): void {
    if (this.#over) return;
    this.#over = true;
    this.#closeServer();
  }

  #closeServer(): void {
    const { network, runner } = this.#link;
    network.scheduler.after(network.latency(runner, this.#slot.name), () => {
      this.#server?.after(0, () => this.#abort.abort());
    });
  }
}
