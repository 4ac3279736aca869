// The viewer: NiiVue draws an image of the case with its masks over it. Blobs come as they are.
const byId = (id) => document.getElementById(id);
const { sets, masks, phases } = JSON.parse(byId("case").textContent);
const [set, phase, opacity, layout, black, white] = ["set", "phase", "opacity", "layout", "black", "white"].map(byId);
const boxes = [...document.querySelectorAll("[name=mask]")];
const axes = [...document.querySelectorAll(".axis")];
const volumes = new Map(); // address -> promise of a volume
const viewer = new niivue.Niivue({
  backColor: [0, 0, 0, 1], crosshairColor: [1, 1, 1, 0.6], crosshairWidth: 0.5, dragAndDropEnabled: false,
  isRadiologicalConvention: true, loadingText: "", logLevel: "error", sagittalNoseLeft: true,
  scrollRequiresFocus: true, show3Dcrosshair: true,
});
const SHARES = [0.001, 0.999]; // of the voxels that are darker than black, and than white
const EVERY = 37; // one voxel in so many is looked at
let latest = 0;
let fitted = ""; // the set that the window is of

byId("viewer").hidden = false;
if (document.createElement("canvas").getContext("webgl2")) start();
else tell("This browser has no WebGL 2, which the viewer draws with. Use another one, or switch it on.");

async function start() {
  viewer.onLocationChange = showPlace;
  viewer.onIntensityChange = ({ cal_min, cal_max }) => { [black.value, white.value] = [cal_min, cal_max]; };
  masks.forEach(({ name, colour }) => {
    const [R, G, B] = colour.map((part) => [part, part, part]);
    viewer.addColormap(name, { R, G, B, A: [0, 255, 255], I: [0, 1, 255] });
    document.querySelector(`[data-mask="${CSS.escape(name)}"]`).style.background = `rgb(${colour})`;
  });
  await viewer.attachToCanvas(byId("view"));
  viewer.opts.sliceType = Number(layout.value);
  choosePhases();
  await show();
}

set.addEventListener("change", () => { choosePhases(); show(); });
phase.addEventListener("input", show);
boxes.forEach((box) => box.addEventListener("change", show));
[opacity, black, white].forEach((slider) => slider.addEventListener("input", show));
layout.addEventListener("change", () => viewer.setSliceType(Number(layout.value)));
axes.forEach((axis) => axis.addEventListener("input", move));
byId("tumour").addEventListener("click", () => { if (findTumour()) goTo(findTumour()); });
byId("controls").addEventListener("submit", (event) => event.preventDefault());

// Let the slider have the phases of the chosen set; the same one stays where there is one.
function choosePhases() {
  const before = phase.max ? Number(phase.value) : 1;
  phase.max = sets[set.value].length - 1;
  phase.value = Math.min(before, phase.max);
}

async function show() {
  const turn = ++latest;
  const image = sets[set.value][phase.value];
  const name = `${image.phase}, ${phases[image.phase] ?? "after contrast"}`;
  byId("phase-name").textContent = name;
  phase.setAttribute("aria-valuetext", name);
  tell("");
  const chosen = masks.filter(({ name }) => boxes.some((box) => box.checked && box.value === name));
  try {
    const shown = await Promise.all([loadImage(image), ...chosen.map(loadMask)]);
    if (turn === latest) draw(shown);
  } catch (error) {
    volumes.clear(); // to ask again
    tell(`A blob of this case cannot be shown (${error.message}). If it is not here, run \`dvc pull\`.`);
  }
}

function draw([image, ...over]) {
  const place = viewer.volumes.length ? viewer.frac2mm(viewer.scene.crosshairPos) : findTumour();
  if (fitted !== set.value) fitWindow(image);
  image.cal_min = Number(black.value);
  image.cal_max = Math.max(Number(white.value), image.cal_min + Number(white.step));
  over.forEach((mask) => { mask.opacity = Number(opacity.value) / 100; });
  viewer.volumes = [image, ...over];
  viewer.setVolume(image, 0); // as the ground of all others
  axes.forEach((axis, i) => { axis.max = image.dimsRAS[i + 1] - 1; });
  if (place) goTo(place);
  byId("view").dataset.shown = over.length; // for tests: what is drawn now
}

// One window for all phases of a set, by the one that is shown first: contrast is seen to come.
function fitWindow(image) {
  const { darkest, brightest } = sets[set.value][phase.value];
  [black, white].forEach((slider) => {
    [slider.min, slider.max] = [darkest ?? 0, brightest ?? 1];
    slider.step = (slider.max - slider.min) / 256 || 1;
  });
  const values = image.img.filter((value, i) => i % EVERY === 0 && Number.isFinite(value)).sort();
  [black.value, white.value] = SHARES.map((share) =>
    image.intensityRaw2Scaled(values[Math.floor(share * (values.length - 1))] ?? 0));
  fitted = set.value;
}

function loadImage({ url }) {
  return load(url, { colormap: "gray" });
}

function loadMask({ name, url, from }) {
  return load(url, { colormap: name, cal_min: from, cal_max: from * 2 });
}

function load(url, options) {
  if (!volumes.has(url)) {
    const file = decodeURIComponent(url.split("/").pop());
    volumes.set(url, niivue.NVImage.loadFromUrl({ url, name: file, ...options }));
  }
  return volumes.get(url);
}

function findTumour() {
  const measured = masks.filter(({ centre }) => centre);
  return (measured.find(({ role }) => role === "expert") ?? measured[0])?.centre;
}

function goTo(mm) {
  viewer.scene.crosshairPos = viewer.mm2frac([...mm].slice(0, 3));
  viewer.createOnLocationChange();
  viewer.drawScene();
}

function move() {
  if (!viewer.volumes.length) return;
  viewer.scene.crosshairPos = axes.map((axis) => (Number(axis.value) + 0.5) / (Number(axis.max) + 1));
  viewer.createOnLocationChange();
  viewer.drawScene();
}

function showPlace({ mm, values }) {
  const words = [["L", "R"], ["P", "A"], ["I", "S"]].map(([below, above], i) =>
    `${mm[i] < 0 ? below : above} ${Math.abs(mm[i]).toFixed(0)} mm`);
  axes.forEach((axis, i) => {
    axis.value = Math.floor(viewer.scene.crosshairPos[i] * (Number(axis.max) + 1));
    axis.setAttribute("aria-valuetext", words[i]);
  });
  byId("where").textContent = `${words.join(", ")}: ${values[0]?.value.toPrecision(4) ?? ""}`;
}

function tell(problem) {
  byId("problem").textContent = problem;
}
