import { percent } from "../format.js";
import { type Picture, rawPicture } from "../tiles.js";
import { type Html, html, name } from "./markup.js";

/** An image that was predicted wrong, to be shown. */
export interface ShownMistake {
  readonly picture: Picture;
  /** The true class. */
  readonly truth: string;
  readonly predicted: string;
  /** The probability of the predicted class, 0 … 1. */
  readonly confidence: number;
  /** Of the image. */
  readonly name: string;
}

/** Larger pictures are made so small, pixels: a report is sent around. */
const mostPixels = 160;

/** Of a class's name, characters; the picture's text has it all. */
const mostCharacters = 40;

/** Pictures of mistakes, what they were taken for, and what they are. @throws ArgumentError as `composeTiles` */
export async function mistakeFigures(mistakes: readonly ShownMistake[]): Promise<Html> {
  const figures = await Promise.all(mistakes.map(mistakeFigure));
  return html`<ul class="mistakes">
${figures}</ul>
`;
}

async function mistakeFigure(mistake: ShownMistake, index: number): Promise<Html> {
  const { picture, truth, predicted, confidence } = mistake;
  const { default: sharp } = await import("sharp");
  const png = await sharp(picture.pixels, { raw: rawPicture(picture, index) })
    .resize(mostPixels, mostPixels, { fit: "inside", withoutEnlargement: true })
    .png({ compressionLevel: 9 })
    .toBuffer();
  // Enlarged pixels stay pixels: smoothing would show what the network never saw.
  const enlarged = Math.max(picture.width, picture.height) < mostPixels;
  const alt = `${mistake.name}: ${truth}, taken for ${predicted}`;
  return html`<li><figure>
<img src="data:image/png;base64,${png.toString("base64")}"${enlarged ? html` class="pixels"` : ""} alt="${alt}">
<figcaption><strong>${name(shortened(predicted))}</strong> <span class="whole">${percent(confidence)}</span><br>
is ${name(shortened(truth))}<br>
<small>${name(mistake.name)}</small></figcaption>
</figure></li>
`;
}

function shortened(text: string): string {
  const characters = [...text];
  return characters.length <= mostCharacters ? text : `${characters.slice(0, mostCharacters - 1).join("")}…`;
}
