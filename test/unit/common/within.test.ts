import { expect } from "chai";
import { within } from "../../../services/common/within.ts";

describe("waiting within a signal", () => {
  it("gives the promise's outcome, whichever it is", async () => {
    const { signal } = new AbortController();
    expect(await within(signal, Promise.resolve(7), "dataset")).to.equal(7);
    const error = await within(signal, Promise.reject(new Error("mine")), "dataset").catch((reason: unknown) => reason);
    expect(error).to.have.property("message", "mine");
  });

  it("ends with the signal, naming who was waited for", async () => {
    const abort = new AbortController();
    const waiting = within(abort.signal, new Promise(() => {}), "timing").catch((reason: unknown) => reason);
    abort.abort();
    expect(await waiting).to.include({ code: "deadline_exceeded", message: "timing did not answer in time" });
  });

  it("ends at once for a signal that has aborted already", async () => {
    const error = await within(AbortSignal.abort(), new Promise(() => {}), "x").catch((reason: unknown) => reason);
    expect(error).to.have.property("code", "deadline_exceeded");
  });

  it("lets go of the signal", async () => {
    const abort = new AbortController();
    let listeners = 0;
    const { signal } = abort;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    await within(signal, Promise.resolve(), "x");
    expect(listeners).to.equal(0);
  });
});
