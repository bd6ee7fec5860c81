import { describe, expect, it } from "vitest";
import { Html, html, name } from "./markup.js";

describe("html", () => {
  it("escapes texts, and leaves HTML as it is", () => {
    const inner = html`<b>${"<i>"}</b>`;
    expect(html`<p title="${'a"b'}">${inner} & ${"&"} ${3}</p>`.source).toBe(
      '<p title="a&quot;b"><b>&lt;i&gt;</b> & &amp; 3</p>',
    );
    expect(html`${new Html("<br>")}`.source).toBe("<br>");
  });

  it("joins lists, and escapes what is in them", () => {
    expect(html`<ul>${["a", "<"].map((text) => html`<li>${text}</li>`)}${["&", [">"]]}</ul>`.source).toBe(
      "<ul><li>a</li><li>&lt;</li>&amp;&gt;</ul>",
    );
  });

  it("replaces what HTML cannot hold", () => {
    expect(html`${"a\u0000b\u001bc\ud800d\n"}`.source).toBe("a\ufffdb\ufffdc\ufffdd\n");
  });

  it("keeps a name's direction from the text around it", () => {
    expect(name("\u202Egpj.<b>").source).toBe("<bdi>\u202Egpj.&lt;b&gt;</bdi>");
  });
});
