import type { Canvas } from './canvas.js'

/** Left becomes right. */
export const flip = ({ height, width, channels, pixels }: Canvas): void => {
  for (let y = 0; y < height; y++) {
    let left = y * width * channels
    let right = left + (width - 1) * channels
    for (; left < right; left += channels, right -= channels) {
      for (let channel = 0; channel < channels; channel++) {
        const value = pixels[left + channel]
        pixels[left + channel] = pixels[right + channel]
        pixels[right + channel] = value
      }
    }
  }
}
