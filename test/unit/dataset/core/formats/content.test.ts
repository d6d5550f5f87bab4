import { expect } from "chai";
import { readContent } from "../../../../../services/dataset/core/formats/content.ts";
import { readerTools } from "../loading.ts";

const { readMedia } = readerTools;

function contentOf(fields: Record<string, unknown>) {
  const read = readContent(fields, { readMedia });
  return "problem" in read ? expect.fail(read.problem.message) : read.content;
}

function problemOf(fields: Record<string, unknown>): string {
  const read = readContent(fields, { readMedia });
  if ("content" in read) expect.fail(`it was taken: ${JSON.stringify(read.content)}`);
  return `${read.problem.field}: ${read.problem.message}`;
}

const text = (content: string, name?: string) => ({ modality: "text", content, ...(name === undefined ? {} : { name }) });
const image = (content: string, uuid?: string) => ({ modality: "image", content, ...(uuid === undefined ? {} : { uuid }) });
const png = (path: string) => `data:image/png;base64,${path}`;

describe("the content of a turn", () => {
  const plain: readonly Record<string, unknown>[] = [
    { text: "hi" },
    { texts: ["hi"] },
    { texts: [{ contents: ["hi"] }] },
    { texts: [{ name: "", contents: ["", "hi"] }] },
    { text: "", texts: ["hi"] },
    { text: null, texts: ["", null, "hi"] },
    { text: "hi", texts: [], image: "", images: [], audio: null },
  ];
  for (const fields of plain) {
    it(`is one text for ${JSON.stringify(fields)}`, () => expect(contentOf(fields)).to.deep.equal({ content: "hi" }));
  }

  it("keeps the names of texts, which a ranking is made of", () => {
    const texts = [
      { name: "query", contents: ["q"] },
      { name: "passages", contents: ["a", "b"] },
    ];
    expect(contentOf({ texts })).to.deep.equal({
      content: "q\na\nb",
      parts: [text("q", "query"), text("a", "passages"), text("b", "passages")],
    });
    expect(contentOf({ texts: [{ name: "query", contents: ["q"] }] }).parts).to.deep.equal([text("q", "query")]);
  });

  it("has texts, images, audio and video in this order, whatever the order of the fields", () => {
    const { content, parts = [] } = contentOf({ video: "v.mp4", audios: ["a.wav"], images: ["i.png", "j.png"], text: "what?" });
    expect(content).to.equal("what?");
    expect(parts.map((part) => part.content)).to.deep.equal([
      "what?",
      png("i.png"),
      png("j.png"),
      "data:audio/wav;base64,a.wav",
      "data:video/mp4;base64,v.mp4",
    ]);
  });

  it("reads files of named images, too", () => {
    const images = [{ name: "left", contents: ["l.png"] }];
    expect(contentOf({ images }).parts).to.deep.equal([{ modality: "image", content: png("l.png"), name: "left" }]);
  });

  const passed = [
    ["image", "https://host/a.png", "https://host/a.png"],
    ["image", "data:image/png;base64,AAAA", "data:image/png;base64,AAAA"],
    ["audio", "wav,UklG", "data:audio/wav;base64,UklG"],
    ["audio", "MP3,SUQz", "data:audio/mp3;base64,SUQz"],
    ["audio", "data:audio/mpeg;base64,SUQz", "data:audio/mpeg;base64,SUQz"],
    ["video", "s3://bucket/v.mp4", "s3://bucket/v.mp4"],
  ] as const;
  for (const [field, given, url] of passed) {
    it(`passes ${given} through`, () => expect(contentOf({ [field]: given }).parts?.[0]?.content).to.equal(url));
  }

  it("names images to the target's cache, and shows them or not", () => {
    expect(contentOf({ text: "a", images: ["i.png", ""], image_uuids: ["u", "v"] }).parts).to.deep.equal([
      text("a"),
      image(png("i.png"), "u"),
      image("", "v"),
    ]);
    expect(contentOf({ text: "a", image_uuids: ["u"] }).parts).to.deep.equal([text("a"), image("", "u")]);
    expect(contentOf({ images: [{ uuids: ["u"] }] }).parts).to.deep.equal([image("", "u")]);
    expect(contentOf({ images: [{ contents: ["i.png"], uuids: ["u"] }] }).parts).to.deep.equal([image(png("i.png"), "u")]);
  });

  const refused: readonly (readonly [fields: Record<string, unknown>, problem: string])[] = [
    [{ text: "a", texts: ["b"] }, "texts: text and texts cannot be set together"],
    [{ image: "a.png", images: ["b.png"] }, "images: image and images cannot be set together"],
    [{ audio: "a.wav", audios: ["b.wav"] }, "audios: audio and audios cannot be set together"],
    [{ video: "a.mp4", videos: ["b.mp4"] }, "videos: video and videos cannot be set together"],
    [{ texts: "a" }, 'texts: expected texts, got "a"'],
    [{ texts: [7] }, "texts: expected texts, got [7]"],
    [{ text: 7 }, "text: expected a text, got 7"],
    [{ image: {} }, "image: expected a text, got {}"],
    [{ images: "a.png" }, 'images: expected images: texts, or objects with contents, got "a.png"'],
    [{ texts: [{ name: 7, contents: ["a"] }] }, "texts: expected a name that is a text, got 7"],
    [{ texts: [{ name: "q" }] }, "texts: expected contents that are texts, got nothing"],
    [{ texts: [{ name: "q", contents: "a" }] }, 'texts: expected contents that are texts, got "a"'],
    [{ images: [{ contents: ["a.png"], uuids: ["u", "v"] }] }, "images: 2 uuids for 1 images"],
    [{ images: [{ contents: ["a.png"], uuids: [""] }] }, 'images: expected uuids that are texts and not empty, got [""]'],
    [{ image: "a.png", image_uuids: ["u"] }, "image_uuids: image_uuids name images, not the one of image"],
    [{ images: ["a.png"], image_uuids: [] }, "image_uuids: 0 image_uuids for 1 images"],
    [{ images: ["a.png"], image_uuids: [""] }, 'image_uuids: expected texts that are not empty, got [""]'],
    [{ images: ["a.png"], image_uuids: "u" }, 'image_uuids: expected texts that are not empty, got "u"'],
    [
      { images: [{ contents: ["a.png"] }], image_uuids: ["u"] },
      "image_uuids: image_uuids name images that are texts; an object has uuids of its own",
    ],
    [{ text: "a\ud83d" }, "text: half of a surrogate pair is no text"],
    [{ texts: ["\udc00"] }, "texts: half of a surrogate pair is no text"],
    [{ image: "missing.png" }, 'image: "missing.png": there is no such file'],
    [{ videos: ["v.mp4", "missing.mp4"] }, 'videos: "missing.mp4": there is no such file'],
    [{ image: "https://" }, 'image: "https://": expected a URL with a host, or the path of a file'],
    [{ image: "file:///a.png" }, 'image: "file:///a.png": expected a URL with a host, or the path of a file'],
    [
      { image: `data:image/png;base64,${"A".repeat(12 << 20)}` },
      "undefined: its media have 12582934 characters as text, at most 12582912 are sent",
    ],
    [{ text: "" }, 'undefined: expected a text that is not empty in the field text, or a medium, got {"text":""}'],
    [{ texts: [] }, 'undefined: expected a text that is not empty in the field text, or a medium, got {"texts":[]}'],
    [{}, "undefined: expected a text that is not empty in the field text, or a medium, got {}"],
  ];
  for (const [fields, problem] of refused) {
    it(`is refused by field: ${JSON.stringify(fields).slice(0, 80)}`, () => expect(problemOf(fields)).to.equal(problem));
  }

  it("has files that stand in the row, as tables write them, in the place of a medium's text", () => {
    const bytes = "iVBORw0KGgoAAAANSUhEUgAA";
    const urlsOf = (fields: Record<string, unknown>) => contentOf(fields).parts?.map((part) => part.content);
    expect(urlsOf({ image: { bytes, path: "x.png" } })).to.deep.equal([png(bytes)]);
    expect(urlsOf({ images: [{ bytes }, "i.png", { path: "j.png", bytes: null }, { contents: ["k.png"] }] })).to.deep.equal(
      [bytes, "i.png", "j.png", "k.png"].map(png),
    );
    expect(problemOf({ image: { bytes: "no base64" } })).to.equal('image: expected bytes in base64, got "no base64"');
    expect(problemOf({ image: { bytes: "" } })).to.equal('image: expected bytes in base64, got ""');
    expect(problemOf({ videos: [{ bytes }] })).to.equal("videos: expected a file of mp4, webm, got image/png");
    expect(problemOf({ image: { path: "" } })).to.match(/^image: expected a text, got/);
  });
});
