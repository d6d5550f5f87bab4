/** Wall time to the second, for labels; the text of a second is made once. */
export class WallSeconds {
  #sec = -1;
  #date = "";

  /** Unix time. */
  sec(): number {
    const sec = Math.floor(Date.now() / 1000);
    if (sec !== this.#sec) {
      this.#sec = sec;
      this.#date = new Date(sec * 1000).toUTCString();
    }
    return sec;
  }

  /** The value of a Date header. */
  date(): string {
    this.sec();
    return this.#date;
  }
}
