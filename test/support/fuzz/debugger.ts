/** The heap of another process, by the debugger that it was started with (`--inspect`). */

const answersWithinMs = 60_000;

/** Bytes of the heap that are in use, once everything that nobody needs is collected. @param said what the process wrote when it started */
export async function heapBytesOf(said: string): Promise<number> {
  const [, url] = /Debugger listening on (ws:\S+)/.exec(said) ?? [];
  if (url === undefined) throw new Error(`no debugger listens: ${said}`);
  const socket = new WebSocket(url);
  try {
    await eventOf(socket, "open");
    await ask(socket, 1, "HeapProfiler.collectGarbage", {});
    // A second one takes what the first one's finalizers have let go.
    await ask(socket, 2, "HeapProfiler.collectGarbage", {});
    const { result } = await ask(socket, 3, "Runtime.evaluate", {
      expression: "process.memoryUsage().heapUsed",
      returnByValue: true,
    });
    return Number(result.result.value);
  } finally {
    socket.close();
  }
}

async function ask(socket: WebSocket, id: number, method: string, params: object) {
  socket.send(JSON.stringify({ id, method, params }));
  for (;;) {
    const { data } = await eventOf(socket, "message");
    const answer = JSON.parse(data);
    if (answer.id === id) return answer;
  }
}

function eventOf(socket: WebSocket, name: "open" | "message"): Promise<MessageEvent> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`waited ${answersWithinMs / 1000} s for ${name} of the debugger`)),
      answersWithinMs,
    );
    socket.addEventListener(
      name,
      (event) => {
        clearTimeout(timer);
        resolve(event as MessageEvent);
      },
      { once: true },
    );
    socket.addEventListener("error", () => reject(new Error("the debugger's connection broke")), { once: true });
  });
}
