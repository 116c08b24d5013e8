console.log('clickprobe');
