namespace Ulrl.Training.Data;

/// <summary>File formats of labelled samples.</summary>
public enum DataSetFormat
{
    /// <summary>Found out from the file's content and name.</summary>
    Auto,

    /// <summary>NumPy .npz with arrays <c>x</c>, <c>y</c> and, where known, <c>target</c>.</summary>
    Npz,

    /// <summary>CIFAR-10 binary version: one label byte, then 3·32·32 pixels, channels first.</summary>
    Cifar10,

    /// <summary>CIFAR-100 binary version: coarse label, fine label, then 3·32·32 pixels; the fine label is used.</summary>
    Cifar100,

    /// <summary>
    /// CIFAR-10 or CIFAR-100 Python version: one pickled batch per file, read without running anything; of CIFAR-100
    /// the fine label is used.
    /// </summary>
    CifarPython,

    /// <summary>IDX as MNIST uses it, images and labels in two files, plain or gzip.</summary>
    Idx,
}
