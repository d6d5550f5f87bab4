import { expect } from "chai";
import { embeddedMedium, type Medium, mediaType } from "../../../../../services/dataset/core/formats/media.ts";

describe("the kind of a medium", () => {
  const known: readonly (readonly [Medium, head: string, type: string])[] = [
    ["image", "\x89PNG\r\n\x1a\n", "image/png"],
    ["image", "\xff\xd8\xff\xe0", "image/jpeg"],
    ["image", "GIF89a", "image/gif"],
    ["image", "RIFF....WEBPVP8 ", "image/webp"],
    ["audio", "RIFF....WAVEfmt ", "audio/wav"],
    ["audio", "ID3\x04", "audio/mp3"],
    ["audio", "\xff\xfb\x90", "audio/mp3"],
    ["video", "\0\0\0 ftypisom", "video/mp4"],
    ["video", "\x1aE\xdf\xa3", "video/webm"],
  ];
  for (const [medium, head, type] of known) {
    it(`is ${type} by its first bytes`, () => expect(mediaType(head, medium)).to.deep.equal({ type }));
  }

  it("is refused where it is of another kind, or of none", () => {
    expect(mediaType("\x89PNG\r\n\x1a\n", "audio")).to.deep.equal({ problem: "expected a file of wav, mp3, got image/png" });
    expect(mediaType("<svg>", "image")).to.deep.equal({
      problem: "expected a file of png, jpeg, gif, webp, got something else",
    });
    expect(mediaType("", "video")).to.deep.equal({ problem: "expected a file of mp4, webm, got something else" });
  });
});

describe("a file that stands in a row", () => {
  const none = () => ({ problem: "nobody reads a file here" });

  it("may be as large as a turn's media are", () => {
    const bytes = `iVBORw0KGgoAAAANSUhEUgAA${"A".repeat(12 << 20)}`;
    const made = embeddedMedium({ bytes }, "image", none);
    expect(made)
      .to.have.property("url")
      .with.lengthOf(bytes.length + "data:image/png;base64,".length);
  });

  it("is base64 without anything else in it", () => {
    for (const bytes of ["iVBORw0KGg", "iVBO Rw0KGgo", "iVB=Rw0KGgoA", "", 5, "data:image/png;base64,iVBO"]) {
      expect(embeddedMedium({ bytes }, "image", none), String(bytes))
        .to.have.property("problem")
        .that.matches(/^expected bytes in base64/);
    }
  });
});
