import Foundation

/// `config.json` as Hugging Face's `GPT2Config` has it.
enum ModelFolderConfiguration {
  private static let byteLimit = 1 << 20

  /// The file's bytes, keys in ascending order.
  static func encode(_ configuration: ModelConfiguration, endOfText: UInt32?) -> [UInt8] {
    let special = endOfText.map { "\($0)" } ?? "null"
    // Dropout is 0, however the model was trained: whoever trains it on should not get it unasked.
    let json = """
      {
        "activation_function": "gelu_new",
        "architectures": ["GPT2LMHeadModel"],
        "attn_pdrop": 0.0,
        "bos_token_id": \(special),
        "embd_pdrop": 0.0,
        "eos_token_id": \(special),
        "initializer_range": 0.02,
        "layer_norm_epsilon": 1e-05,
        "model_type": "gpt2",
        "n_embd": \(configuration.width),
        "n_head": \(configuration.heads),
        "n_inner": null,
        "n_layer": \(configuration.layers),
        "n_positions": \(configuration.context),
        "reorder_and_upcast_attn": false,
        "resid_pdrop": 0.0,
        "scale_attn_by_inverse_layer_idx": false,
        "scale_attn_weights": true,
        "tie_word_embeddings": true,
        "torch_dtype": "float32",
        "use_cache": true,
        "vocab_size": \(configuration.vocabularySize)
      }

      """
    return Array(json.utf8)
  }

  /// Reads a file and refuses what would make another model of the same weights.
  static func decode(contentsOf file: URL) throws(ComputeError) -> ModelConfiguration {
    let document = try JSONDocument(contentsOf: file, byteLimit: byteLimit)
    func number(_ keys: String...) throws(ComputeError) -> Int {
      for key in keys {
        if let value = document[key]?.integer { return value }
      }
      throw .malformedFile(
        path: file.path, what: keys[0], found: document[keys[0]]?.brief ?? "missing", allowed: "a number")
    }
    func demand(_ key: String, _ allowed: String, _ holds: (JSONDocument) -> Bool) throws(ComputeError) {
      guard let value = document[key], value != .null, !holds(value) else { return }
      throw .malformedFile(path: file.path, what: key, found: value.brief, allowed: allowed)
    }
    guard document["model_type"]?.string == "gpt2" else {
      throw .malformedFile(
        path: file.path, what: "model_type", found: document["model_type"]?.brief ?? "missing",
        allowed: "\"gpt2\"")
    }
    let width = try number("n_embd", "hidden_size")
    try demand("activation_function", "\"gelu_new\"") {
      // The same function under Hugging Face's other name for it.
      ["gelu_new", "gelu_pytorch_tanh"].contains($0.string)
    }
    try demand("layer_norm_epsilon", "1e-05") { $0.double == 1e-5 }
    try demand("tie_word_embeddings", "true") { $0.bool == true }
    try demand("n_inner", "null or 4 x n_embd") { $0.integer == width.multipliedReportingOverflow(by: 4).0 }
    try demand("quantization_config", "null") { _ in false }
    try demand("scale_attn_weights", "true") { $0.bool == true }
    try demand("scale_attn_by_inverse_layer_idx", "false") { $0.bool == false }
    try demand("add_cross_attention", "false") { $0.bool == false }
    do {
      return try ModelConfiguration(
        layers: number("n_layer", "num_hidden_layers"), heads: number("n_head", "num_attention_heads"),
        width: width, context: number("n_positions", "max_position_embeddings", "n_ctx"),
        vocabularySize: number("vocab_size"))
    } catch .invalidConfiguration(let what, let found, let allowed) {
      throw .malformedFile(path: file.path, what: what, found: found, allowed: allowed)
    }
  }
}
