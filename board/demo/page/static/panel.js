// The reader's panel: its pixels, fingers on it, and the keys of the external keypad.

import { make } from "/shared/local.js";

const KEYS = {
  Enter: "enter",
  Backspace: "erase",
  Delete: "erase",
  ArrowRight: "forward",
  ArrowDown: "forward",
  ArrowLeft: "backward",
  ArrowUp: "backward",
};
const HELD = "held";
const PAD = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "erase", "backward", "forward", "enter"];

export class Panel {
  /** `say` sends an order; `held` marks a finger that stays down. */
  constructor(canvas, held, say) {
    this.canvas = canvas;
    this.say = say;
    this.held = held;
    this.ink = canvas.getContext("2d", { alpha: false });
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.up(event));
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  resize([width, height]) {
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
  }

  /** The part of the picture that changed: four 16-bit numbers, then RGBA. */
  draw(message) {
    const [left, top, width, height] = [0, 2, 4, 6].map((at) => new DataView(message).getUint16(at));
    const pixels = new Uint8ClampedArray(message, 8);
    this.ink.putImageData(new ImageData(pixels, width, height), left, top);
    this.canvas.dataset.pictures = Number(this.canvas.dataset.pictures ?? 0) + 1;
  }

  down(event) {
    event.preventDefault();
    this.canvas.focus();
    if (event.shiftKey) return this.hold(event);
    this.canvas.setPointerCapture(event.pointerId);
    this.say({ do: "down", finger: String(event.pointerId), ...this.place(event) });
  }

  up(event) {
    this.say({ do: "up", finger: String(event.pointerId) });
  }

  /** With Shift: a finger that stays where it is, until Shift and another click lift it. */
  hold(event) {
    if (this.held.hidden) {
      this.say({ do: "down", finger: HELD, ...this.place(event) });
      this.held.hidden = false;
      this.held.style.left = `${event.offsetX}px`;
      this.held.style.top = `${event.offsetY}px`;
    } else {
      this.say({ do: "up", finger: HELD });
      this.held.hidden = true;
    }
  }

  /** The panel has not taken this finger. */
  rejected(finger) {
    if (finger === HELD) this.held.hidden = true;
  }

  /** The line to the reader is gone, and every finger with it. */
  forget() {
    this.held.hidden = true;
  }

  /** Pixels of the panel. */
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return {
      x: Math.floor(((event.clientX - box.left) / box.width) * this.canvas.width),
      y: Math.floor(((event.clientY - box.top) / box.height) * this.canvas.height),
    };
  }
}

/** The keyboard is the keypad, where nothing else on the page has its focus. */
export function followKeyboard(canvas, say) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    if (document.activeElement !== document.body && document.activeElement !== canvas) return;
    const key = /^[0-9]$/.test(event.key) ? event.key : KEYS[event.key];
    if (key === undefined) return;
    event.preventDefault();
    say({ do: "key", key });
  });
}

/** The keypad to click at. */
export function drawKeypad(pad, words, say) {
  pad.replaceChildren(
    ...PAD.map((key) => {
      const digit = /^[0-9]$/.test(key);
      const face = digit ? { textContent: key } : { className: "wide", textContent: words.say(`key_${key}`) };
      const button = make("button", { ...face, type: "button", "data-key": key });
      button.addEventListener("click", () => say({ do: "key", key }));
      return button;
    }),
  );
}
