// The viewer: NiiVue draws an image of the case with its masks over it. Blobs come as they are.
const byId = (id) => document.getElementById(id);
const { sets, masks, phases } = JSON.parse(byId("case").textContent);
const [set, phase, opacity, layout] = ["set", "phase", "opacity", "layout"].map(byId);
const boxes = [...document.querySelectorAll("[name=mask]")];
const axes = [...document.querySelectorAll(".axis")];
const volumes = new Map(); // address -> promise of a volume
const viewer = new niivue.Niivue({
  backColor: [0, 0, 0, 1], crosshairColor: [1, 1, 1, 0.6], crosshairWidth: 0.5, dragAndDropEnabled: false,
  isRadiologicalConvention: true, loadingText: "", logLevel: "error", sagittalNoseLeft: true,
  scrollRequiresFocus: true, show3Dcrosshair: true,
});
let latest = 0;

byId("viewer").hidden = false;
if (document.createElement("canvas").getContext("webgl2")) start();
else tell("This browser has no WebGL 2, which the viewer draws with. Use another one, or switch it on.");

async function start() {
  viewer.onLocationChange = showPlace;
  masks.forEach(({ name, colour }) => {
    const [R, G, B] = colour.map((part) => [part, part, part]);
    viewer.addColormap(name, { R, G, B, A: [0, 255, 255], I: [0, 1, 255] });
    document.querySelector(`[data-mask="${CSS.escape(name)}"]`).style.background = `rgb(${colour})`;
  });
  await viewer.attachToCanvas(byId("view"));
  viewer.opts.sliceType = Number(layout.value);
  choosePhases();
  await show();
  goToTumour();
}

set.addEventListener("change", () => { choosePhases(); show(); });
phase.addEventListener("input", show);
boxes.forEach((box) => box.addEventListener("change", show));
opacity.addEventListener("input", show);
layout.addEventListener("change", () => viewer.setSliceType(Number(layout.value)));
axes.forEach((axis) => axis.addEventListener("input", move));
byId("tumour").addEventListener("click", goToTumour);
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
  const place = viewer.volumes.length ? viewer.frac2mm(viewer.scene.crosshairPos) : null;
  over.forEach((mask) => { mask.opacity = Number(opacity.value) / 100; });
  viewer.volumes = [image, ...over];
  viewer.setVolume(image, 0); // as the ground of all others
  axes.forEach((axis, i) => { axis.max = image.dimsRAS[i + 1] - 1; });
  if (place) goTo(place);
  byId("view").dataset.shown = over.length; // for tests: what is drawn now
}

function loadImage({ url, darkest, brightest }) {
  return load(url, { colormap: "gray", cal_min: darkest ?? NaN, cal_max: brightest ?? NaN });
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

function goToTumour() {
  const mask = masks.find(({ role, centre }) => role === "expert" && centre) ?? masks.find(({ centre }) => centre);
  if (mask && viewer.volumes.length) goTo(mask.centre);
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
