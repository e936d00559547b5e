// What dicomweb-client and cornerstone's DICOM image loader make of a study: as JSON, with digests
// instead of pixels. Run: node clients.mjs FOLDER_OF_NODE_MODULES DICOMWEB_ROOT STUDY_UID

import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, root, study] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${folder}/clients.js`));
const load = (name) => import(pathToFileURL(`${folder}/node_modules/${name}`).href);

// Both are written for browsers: these are what they take from there.
globalThis.XMLHttpRequest = require('xhr2');
globalThis.self = globalThis;

const digest = (data) => {
  const bytes = ArrayBuffer.isView(data)
    ? Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    : Buffer.from(data);
  return { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
};
const first = (parts) => (Array.isArray(parts) ? parts[0] : parts);
const value = (dataset, tag) => dataset[tag]?.Value?.[0];

async function dicomwebClient() {
  const { api } = require('dicomweb-client');
  const client = new api.DICOMwebClient({ url: root });
  const studies = await client.searchForStudies({ queryParams: { StudyInstanceUID: study } });
  const series = await client.searchForSeries({ studyInstanceUID: study });
  const instances = await client.searchForInstances({ studyInstanceUID: study });
  const metadata = await client.retrieveStudyMetadata({ studyInstanceUID: study });
  const found = [];
  for (const one of metadata) {
    const options = {
      studyInstanceUID: study,
      seriesInstanceUID: value(one, '0020000E'),
      sopInstanceUID: value(one, '00080018'),
    };
    const [again] = await client.retrieveInstanceMetadata(options);
    const file = await client.retrieveInstance(options);
    const [frame] = await client.retrieveInstanceFrames({ ...options, frameNumbers: [1] });
    const png = { ...options, mediaTypes: [{ mediaType: 'image/png' }] };
    const picture = await client.retrieveInstanceRendered(png);
    const pixels = await client.retrieveBulkData({
      ...options,
      BulkDataURI: one['7FE00010'].BulkDataURI,
    });
    found.push({
      instance: options.sopInstanceUID,
      same: JSON.stringify(again) === JSON.stringify(one),
      file: Buffer.from(file).toString('base64'),
      frame: digest(frame),
      pixels: digest(first(pixels)),
      picture: Buffer.from(first(picture)).toString('base64'),
    });
  }
  return {
    counts: [studies.length, series.length, instances.length],
    metadata,
    instances: found.sort((a, b) => a.instance.localeCompare(b.instance)),
  };
}

async function cornerstone(metadata) {
  const loader = '@cornerstonejs/dicom-image-loader/dist/esm';
  const { default: getPixelData } = await load(`${loader}/imageLoader/wadors/getPixelData.js`);
  const { decodeImageFrame } = await load(`${loader}/decodeImageFrameWorker.js`);
  const { setWasmBasePath } = await load(`${loader}/shared/wasmBasePath.js`);
  const unscaled = { preScale: { enabled: false } };
  setWasmBasePath(`${folder}/node_modules/@cornerstonejs/codec-openjph/dist/`);
  const found = [];
  for (const one of metadata) {
    const series = value(one, '0020000E');
    const instance = value(one, '00080018');
    const count = Number(value(one, '00280008') ?? 1);
    for (let number = 1; number <= count; number += 1) {
      const address = `${root}/studies/${study}/series/${series}/instances/${instance}/frames/${number}`;
      const accept =
        'multipart/related; type=application/octet-stream; transfer-syntax=*';
      const { pixelData, contentType } = await getPixelData(address, `wadors:${address}`, accept, {});
      const frame = {
        samplesPerPixel: value(one, '00280002'),
        photometricInterpretation: value(one, '00280004'),
        planarConfiguration: value(one, '00280006'),
        rows: value(one, '00280010'),
        columns: value(one, '00280011'),
        bitsAllocated: value(one, '00280100'),
        bitsStored: value(one, '00280101'),
        pixelRepresentation: value(one, '00280103'),
        smallestPixelValue: undefined,
        largestPixelValue: undefined,
      };
      const syntax = labelled(contentType);
      const encoded = new Uint8Array(pixelData);
      const decoded = await decodeImageFrame(frame, syntax, encoded, {}, unscaled, () => {});
      const samples = decoded.pixelData.constructor.name;
      found.push({ instance, number, syntax, samples, ...digest(decoded.pixelData) });
    }
  }
  return found.sort((a, b) => a.instance.localeCompare(b.instance) || a.number - b.number);
}

const labelled = (contentType) => /transfer-syntax="?([0-9.]+)/.exec(contentType)?.[1];

const client = await dicomwebClient();
const frames = await cornerstone(client.metadata);
process.stdout.write(JSON.stringify({ ...client, frames }));
