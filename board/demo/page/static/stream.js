// A clip or the visitor's webcam, picture by picture before the reader's camera. Nothing is kept.

const WIDTH = 640;
const HEIGHT = 480;
const EVERY_MS = 1000 / 24;
const BEHIND = 1 << 19; // bytes not sent yet: the next picture is skipped

export class Stream {
  /** `line`: began(), send(JPEG as Blob), backlog() in bytes that are on their way, lost() when the webcam has gone. */
  constructor(video, line) {
    this.video = video;
    this.line = line;
    this.canvas = new OffscreenCanvas(WIDTH, HEIGHT);
    this.ink = this.canvas.getContext("2d", { alpha: false });
    this.running = 0;
  }

  /** Play a file. Throws where it is no clip. */
  async playFile(file) {
    this.stop();
    this.video.src = URL.createObjectURL(file);
    await this.start();
  }

  /** Show the webcam. Throws where there is none, or it may not be used. */
  async playWebcam() {
    this.stop();
    const wanted = { width: { ideal: WIDTH }, height: { ideal: HEIGHT }, frameRate: { ideal: 30 } };
    this.video.srcObject = await navigator.mediaDevices.getUserMedia({ video: wanted });
    this.video.srcObject.getVideoTracks()[0].addEventListener("ended", () => this.line.lost());
    await this.start();
  }

  /** Whether it is the webcam that plays. */
  get webcam() {
    return this.video.srcObject !== null;
  }

  /** One picture of what plays now, as JPEG. */
  async picture() {
    const { videoWidth: width, videoHeight: height } = this.video;
    const scale = Math.max(WIDTH / width, HEIGHT / height);
    const [shownWidth, shownHeight] = [WIDTH / scale, HEIGHT / scale];
    const [left, top] = [(width - shownWidth) / 2, (height - shownHeight) / 2];
    this.ink.drawImage(this.video, left, top, shownWidth, shownHeight, 0, 0, WIDTH, HEIGHT);
    return this.canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
  }

  stop() {
    this.running += 1;
    this.video.pause();
    for (const track of this.video.srcObject?.getTracks() ?? []) track.stop();
    if (this.video.src) URL.revokeObjectURL(this.video.src);
    this.video.srcObject = null;
    this.video.removeAttribute("src");
    this.video.hidden = true;
  }

  async start() {
    await this.video.play();
    this.video.hidden = false;
    this.line.began();
    void this.run(this.running);
  }

  async run(turn) {
    let due = performance.now();
    while (turn === this.running) {
      const picture = this.line.backlog() < BEHIND ? await this.picture() : null;
      if (picture !== null && turn === this.running) this.line.send(picture);
      due = Math.max(due + EVERY_MS, performance.now());
      await new Promise((next) => setTimeout(next, due - performance.now()));
    }
  }
}
